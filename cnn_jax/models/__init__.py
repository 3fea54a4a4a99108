"""Networks: one architecture per file, a table of variants and a forward pass.

    resnet.py and so on   the published table; a function that makes the network; its class
    blocks/               what several networks share
    weights/              load and save: files, published names, one file of names per architecture

A network maps images (*batch, height, width, channels) to logits (*batch, num_classes), and its
`feature_maps` returns the output of every stage by name. It knows no loss and no task.

Others have no classes and no head. `unet`, `unet_small`, `fcn8` and `deconvnet` map images to
logits of each pixel; `centernet` to maps of objects; `dncnn`, `espcn` and `srcnn` to restored
images; `captioner` images and words to logits of words; `simple_baseline` to heatmaps of joints;
`homography` two views to offsets of corners, and `stereo` to disparities. `dcgan` and `vae` make
images of latents, which are random numbers. `siamfc` embeds images, and compares what it embedded.

With ``num_classes=None`` a network is a backbone: it has no head and no parameters for one. Calling
it returns its last feature map, such as stage4 of a ResNet or pool5 of a VGG, and `feature_maps`
returns all maps up to that. `load_weights` ignores a head's parameters in a file that has them.

>>> import jax.numpy as jnp
>>> from flax import nnx
>>> backbone = resnet20(num_classes=None, rngs=nnx.Rngs(0))
>>> backbone(jnp.zeros((1, 32, 32, 3))).shape
(1, 8, 8, 64)
>>> list(backbone.feature_maps(jnp.zeros((1, 32, 32, 3))))
['stem', 'stage1', 'stage2', 'stage3']
"""

from .alexnet import AlexNet as AlexNet
from .alexnet import alexnet as alexnet
from .c3d import C3D as C3D
from .c3d import c3d as c3d
from .c3d_small import C3DSmall as C3DSmall
from .c3d_small import c3d_small as c3d_small
from .captioner import Captioner as Captioner
from .captioner import captioner as captioner
from .centernet import CenterNet as CenterNet
from .centernet import centernet as centernet
from .centernet import centernet_resnet18 as centernet_resnet18
from .centernet import centernet_small as centernet_small
from .cifar_resnet import CifarResNet as CifarResNet
from .cifar_resnet import cifar_resnet as cifar_resnet
from .cifar_resnet import resnet8 as resnet8
from .cifar_resnet import resnet20 as resnet20
from .cifar_resnet import resnet32 as resnet32
from .cifar_resnet import resnet44 as resnet44
from .cifar_resnet import resnet56 as resnet56
from .cifar_resnet import resnet110 as resnet110
from .convnext import ConvNeXt as ConvNeXt
from .convnext import convnext as convnext
from .convnext import convnext_base as convnext_base
from .convnext import convnext_large as convnext_large
from .convnext import convnext_small as convnext_small
from .convnext import convnext_tiny as convnext_tiny
from .dcgan import DCGAN as DCGAN
from .dcgan import dcgan as dcgan
from .deconvnet import DeconvNet as DeconvNet
from .deconvnet import deconvnet as deconvnet
from .densenet import DenseNet as DenseNet
from .densenet import densenet as densenet
from .densenet import densenet21 as densenet21
from .densenet import densenet121 as densenet121
from .densenet import densenet161 as densenet161
from .densenet import densenet169 as densenet169
from .densenet import densenet201 as densenet201
from .dncnn import DnCNN as DnCNN
from .dncnn import dncnn as dncnn
from .efficientnet import EfficientNet as EfficientNet
from .efficientnet import efficientnet as efficientnet
from .efficientnet import efficientnet_b0 as efficientnet_b0
from .efficientnet import efficientnet_b1 as efficientnet_b1
from .efficientnet import efficientnet_b2 as efficientnet_b2
from .efficientnet import efficientnet_b3 as efficientnet_b3
from .efficientnet import efficientnet_b4 as efficientnet_b4
from .efficientnet import efficientnet_b5 as efficientnet_b5
from .efficientnet import efficientnet_b6 as efficientnet_b6
from .efficientnet import efficientnet_b7 as efficientnet_b7
from .espcn import ESPCN as ESPCN
from .espcn import espcn as espcn
from .fcn8 import FCN8 as FCN8
from .fcn8 import fcn8 as fcn8
from .googlenet import GoogLeNet as GoogLeNet
from .googlenet import googlenet as googlenet
from .homography import HomographyNet as HomographyNet
from .homography import homography as homography
from .lenet import LeNet as LeNet
from .lenet import lenet as lenet
from .lenet1998 import LeNet1998 as LeNet1998
from .lenet1998 import lenet1998 as lenet1998
from .locally_connected import LocallyConnected as LocallyConnected
from .locally_connected import locally_connected as locally_connected
from .mlp import MLP as MLP
from .mlp import mlp as mlp
from .mnist1d import MNIST1D as MNIST1D
from .mnist1d import mnist1d as mnist1d
from .mnist1d import mnist1d_dense as mnist1d_dense
from .mnist1d import mnist1d_greydanus as mnist1d_greydanus
from .mnist1d import mnist1d_linear as mnist1d_linear
from .mnist1d import mnist1d_mlp as mnist1d_mlp
from .mobilenet_v2 import MobileNetV2 as MobileNetV2
from .mobilenet_v2 import mobilenet_v2 as mobilenet_v2
from .nin import NiN as NiN
from .nin import nin as nin
from .resnet import ResNet as ResNet
from .resnet import resnet as resnet
from .resnet import resnet18 as resnet18
from .resnet import resnet34 as resnet34
from .resnet import resnet50 as resnet50
from .resnet import resnet101 as resnet101
from .resnet import resnet152 as resnet152
from .resnet import resnext50_32x4d as resnext50_32x4d
from .resnet import wide_resnet50_2 as wide_resnet50_2
from .resnet import wide_resnet101_2 as wide_resnet101_2
from .siamfc import SiamFC as SiamFC
from .siamfc import siamfc as siamfc
from .siamfc import siamfc_small as siamfc_small
from .simple_baseline import SimpleBaseline as SimpleBaseline
from .simple_baseline import simple_baseline as simple_baseline
from .simple_baseline import simple_baseline_resnet50 as simple_baseline_resnet50
from .simple_baseline import simple_baseline_resnet101 as simple_baseline_resnet101
from .simple_baseline import simple_baseline_resnet152 as simple_baseline_resnet152
from .simple_baseline import simple_baseline_small as simple_baseline_small
from .srcnn import SRCNN as SRCNN
from .srcnn import srcnn as srcnn
from .stereo import Stereo as Stereo
from .stereo import stereo as stereo
from .unet import UNet as UNet
from .unet import unet as unet
from .unet_small import UNetSmall as UNetSmall
from .unet_small import unet_small as unet_small
from .vae import VAE as VAE
from .vae import vae as vae
from .vgg import VGG as VGG
from .vgg import vgg as vgg
from .vgg import vgg11 as vgg11
from .vgg import vgg11_bn as vgg11_bn
from .vgg import vgg13 as vgg13
from .vgg import vgg13_bn as vgg13_bn
from .vgg import vgg16 as vgg16
from .vgg import vgg16_bn as vgg16_bn
from .vgg import vgg19 as vgg19
from .vgg import vgg19_bn as vgg19_bn
from .wavenet import WaveNet as WaveNet
from .wavenet import wavenet as wavenet
from .weights import load_weights as load_weights
from .weights import save_weights as save_weights
from .wide_resnet import WideResNet as WideResNet
from .wide_resnet import wide_resnet as wide_resnet
from .wide_resnet import wide_resnet16_4 as wide_resnet16_4
from .wide_resnet import wide_resnet16_8 as wide_resnet16_8
from .wide_resnet import wide_resnet22_8 as wide_resnet22_8
from .wide_resnet import wide_resnet28_10 as wide_resnet28_10
from .wide_resnet import wide_resnet40_2 as wide_resnet40_2
from .wide_resnet import wide_resnet40_4 as wide_resnet40_4
